
# Pilotfish for VS Code is an extension. In a clone of Pilotfish's repository:
make vsix
code --install-extension pilotfish.vsix
# It finds the language server on PATH, in ~/.local/bin or in ~/.local/share/pilotfish. Anywhere else, say where in VS
# Code's settings.json:
#   "pilotfish.server.path": $command
