--- Ghost-text code completion from the Pilotfish language server. See |pilotfish|.
local M = {}

--- Set up Pilotfish. What can be set stands in `pilotfish.config`, with what each means.
---@param options? pilotfish.Options
function M.setup(options)
  local config = require('pilotfish.config').read(options)
  require('pilotfish.commands').create(config)
  require('pilotfish.keys').map(config)
  require('pilotfish.suggesting').begin(config)
  require('pilotfish.client').enable(config)
end

--- Insert the whole suggestion.
---@return boolean accepted false when there was none; nothing was done then
function M.accept()
  return require('pilotfish.suggesting').accept('all')
end

--- Insert the suggestion's next word, with the white space before it.
---@return boolean accepted
function M.accept_word()
  return require('pilotfish.suggesting').accept('word')
end

--- Insert the suggestion up to its next line end.
---@return boolean accepted
function M.accept_line()
  return require('pilotfish.suggesting').accept('line')
end

--- Show another suggestion; ask for one when there is none.
function M.next()
  require('pilotfish.suggesting').cycle(1)
end

--- Show the suggestion before.
function M.previous()
  require('pilotfish.suggesting').cycle(-1)
end

--- Put the suggestion away until something is typed.
---@return boolean dismissed false when there was none
function M.dismiss()
  return require('pilotfish.suggesting').dismiss()
end

--- Whether a suggestion is shown that `accept()` would insert.
---@return boolean
function M.visible()
  return require('pilotfish.suggesting').visible()
end

--- Switch suggestions off or on, in all buffers.
---@param on? boolean the other of what it is when left out
function M.toggle(on)
  require('pilotfish.switch').toggle(on)
end

--- How it goes, in a few words for the status line; empty in buffers without Pilotfish.
---@return string
function M.statusline()
  return require('pilotfish.status').line()
end

return M
