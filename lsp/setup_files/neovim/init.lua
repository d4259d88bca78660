-- Pilotfish: ghost text from a model of your own. For ~/.config/nvim/init.lua.
vim.opt.runtimepath:append($neovim_plugin)
require('pilotfish').setup({ cmd = { $command } })
