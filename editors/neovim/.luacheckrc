std = "luajit"
-- Neovim's own; fields such as vim.bo are written to.
globals = { "vim" }
max_line_length = 120
