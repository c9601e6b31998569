"""Random trouble for Home Assistant and a simulated PBX, and a judge afterwards."""
