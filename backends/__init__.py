"""Where to run: backends, machines and images. Imports only ``registry.model`` of vmbench."""
