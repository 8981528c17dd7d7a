"""The QEMU core that the ``microvm`` and ``qemu`` backends share."""
