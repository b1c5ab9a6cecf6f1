"""The media plane beside the real world: sockets, clocks, disks, libsrtp."""
