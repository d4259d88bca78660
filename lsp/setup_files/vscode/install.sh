# Pilotfish for VS Code is an extension. In a terminal, in a clone of Pilotfish's repository:
make vsix
code --install-extension pilotfish.vsix
# It finds the language server on PATH, in ~/.local/share/pilotfish, or where "pilotfish.server.path" says:
#   "pilotfish.server.path": $command
