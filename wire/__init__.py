"""Packets, codec, stream table, sockets and the shared clock: what the processes have in common."""
