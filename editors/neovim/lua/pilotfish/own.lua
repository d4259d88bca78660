--- Ghost text of our own: what is shown follows each key at once, and never stands for other text than there is.
local asking = require('pilotfish.asking')
local client = require('pilotfish.client')
local ghost = require('pilotfish.ghost')
local menu = require('pilotfish.menu')
local suggestion = require('pilotfish.suggestion')

local api = vim.api
local M = {}

---@class pilotfish.Shown
---@field buffer? integer
---@field suggestion? pilotfish.Suggestion
---@field place? pilotfish.Place where it is drawn; nil while it is hidden
---@field count? string
local shown = {}
---@type string? buffer, state and place that was asked for last
local asked
---@type fun()? cancels what is waited for
local cancel
---@type table<integer, true> buffers whose changes are listened to
local watched = {}
---@type pilotfish.Config
local config

local function inserting()
  return api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

local function hide()
  if shown.buffer and shown.place then
    ghost.clear(shown.buffer)
    shown.place = nil
  end
end

local function stop_asking()
  if cancel then
    cancel()
    cancel = nil
  end
end

--- Forget what is shown and what was asked.
function M.clear()
  hide()
  stop_asking()
  shown, asked = {}, nil
end

--- Look where the cursor is.
---@return string line
---@return integer row from 0
---@return integer column in bytes
local function cursor()
  local row, column = unpack(api.nvim_win_get_cursor(0))
  return api.nvim_get_current_line(), row - 1, column
end

--- The suggestion as it fits the text now, and what is left of it; drops one that does not fit.
---@return pilotfish.Suggestion?
---@return string? rest
local function current()
  local held = shown.suggestion
  if not held then
    return nil
  end
  local _, row, column = cursor()
  local fits = nil
  if shown.buffer == api.nvim_get_current_buf() and row >= held.row and row - held.row < 1000 then
    fits = suggestion.follow(held, api.nvim_buf_get_lines(shown.buffer, held.row, row + 1, false), column)
  end
  shown.suggestion = fits
  if not fits then
    hide()
    return nil
  end
  return fits, suggestion.rest(fits)
end

--- Draw what is left of the suggestion at the cursor, or take it away.
local function draw()
  local held, rest = current()
  if not held or not inserting() or menu.in_the_way(config) then
    return hide()
  end
  local line, row, column = cursor()
  shown.place = { row = row, column = column, before = line:sub(1, column), after = held.after }
  ghost.draw(shown.buffer, shown.place, assert(rest), held.items[held.index].over, shown.count)
end

--- Follow a key before the screen is drawn. Called in the middle of a change, where marks still stand as before it:
--- what is drawn in their place moves along with them.
local function changed(_, buffer, _, row, column, _, old_rows, old_columns, _, new_rows, new_columns)
  local held, place = shown.suggestion, shown.place
  if not watched[buffer] then
    return true -- detaches
  end
  if buffer ~= shown.buffer or not held or not place then
    return
  end
  local inserted = old_rows == 0 and old_columns == 0 and new_rows == 0
  if inserted and row == place.row and column == place.column then
    local typed = api.nvim_buf_get_text(buffer, row, column, row, column + new_columns, {})[1]
    local followed = vim.tbl_extend('force', held, { typed = held.typed .. typed })
    local rest = suggestion.rest(followed)
    if rest then
      place.before = place.before .. typed
      ghost.draw(buffer, place, rest, held.items[held.index].over, shown.count)
      place.column = column + #typed
      shown.suggestion = followed
      return
    end
  end
  hide()
end

---@param buffer integer
local function watch(buffer)
  if watched[buffer] then
    return
  end
  watched[buffer] = api.nvim_buf_attach(buffer, false, {
    on_bytes = changed,
    on_detach = function()
      watched[buffer] = nil
    end,
  }) or nil
end

--- Take over an answer.
---@param answer? pilotfish.Answer
---@param wanted boolean whether the user asked; else what is shown stays, unless there is more of it now
local function answered(answer, wanted)
  local line, row, column = cursor()
  local fresh = answer and suggestion.new(line, row, column, answer.items, answer.origin)
  local held, rest = current()
  if
    not fresh or (held and not wanted and not vim.startswith(assert(suggestion.rest(fresh)), assert(rest)))
  then
    return held
  end
  shown = { buffer = api.nvim_get_current_buf(), suggestion = fresh, place = shown.place }
  watch(shown.buffer)
  return held
end

--- Ask for the cursor's place, once for each state of the text.
---@param kind integer
---@param done fun(answer?: pilotfish.Answer)
local function ask(kind, done)
  stop_asking()
  local buffer = api.nvim_get_current_buf()
  local function state()
    local _, row, column = cursor()
    return ('%d %d %d %d'):format(
      api.nvim_get_current_buf(),
      api.nvim_buf_get_changedtick(buffer),
      row,
      column
    )
  end
  local before = state()
  cancel = asking.ask(kind, function(answer)
    cancel = nil
    if inserting() and state() == before then
      done(answer)
    end
  end)
  asked = cancel and before
  return before
end

--- Show what fits, and ask for more, after the text or the cursor has moved.
function M.update()
  if shown.buffer and shown.buffer ~= api.nvim_get_current_buf() then
    M.clear()
  end
  draw()
  if not config.automatic or not inserting() or vim.fn.reg_executing() ~= '' then
    return
  end
  if menu.in_the_way(config) or not require('pilotfish.switch').on then
    return
  end
  local _, row, column = cursor()
  local buffer = api.nvim_get_current_buf()
  if asked ~= ('%d %d %d %d'):format(buffer, api.nvim_buf_get_changedtick(buffer), row, column) then
    ask(asking.AUTOMATIC, function(answer)
      answered(answer, false)
      draw()
    end)
  end
end

--- Ask once more: half a line was shown to somebody who typed fast, and the whole is known now.
---@param uri string of the document
function M.more(uri)
  if uri == vim.uri_from_bufnr(0) then
    asked = nil
    M.update()
  end
end

--- Whether there is a suggestion to accept.
---@return boolean
function M.visible()
  return current() ~= nil and shown.place ~= nil and not menu.in_the_way(config)
end

--- Insert the suggestion, or its next word or line.
---@param part 'all'|'word'|'line'
---@return boolean accepted
function M.accept(part)
  local held, rest = current()
  if not held or not rest or not M.visible() then
    return false
  end
  local item, buffer = held.items[held.index], shown.buffer
  ---@cast buffer integer
  local piece = part == 'all' and rest or suggestion[part](rest)
  local whole = piece == rest
  local _, row, column = cursor()
  local lines = vim.split(piece, '\n', { plain = true })
  hide()
  -- So that one undo takes back what was accepted, and not what was typed before.
  vim.cmd('let &g:undolevels = &g:undolevels')
  api.nvim_buf_set_text(buffer, row, column, row, column + (whole and item.over or 0), lines)
  api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and column or 0) + #lines[#lines] })
  shown.count = nil
  if whole then
    M.clear()
    local server = client.of(buffer)
    if item.command and server then
      client.execute(server, item.command.command, item.command.arguments)
    end
  end
  M.update()
  return true
end

--- Show the next or the previous suggestion; ask for several first when there is but one.
---@param step integer
function M.cycle(step)
  local held = current()
  local function turn()
    local several = assert(shown.suggestion)
    shown.suggestion = suggestion.turn(several, step) or several
    shown.count = (' (%d/%d)'):format(shown.suggestion.index, #several.items)
    draw()
  end
  if held and #held.items > 1 then
    return turn()
  end
  local _, rest = current()
  ask(asking.INVOKED, function(answer)
    answered(answer, true)
    local fresh, first = current()
    if fresh and rest == first then
      turn()
    else
      draw()
    end
  end)
end

--- Put the suggestion away.
---@return boolean
function M.dismiss()
  local there = M.visible()
  hide()
  stop_asking()
  shown = {}
  return there
end

--- Begin to listen.
---@param settings pilotfish.Config
function M.begin(settings)
  config = settings
  local group = api.nvim_create_augroup('pilotfish.own', {})
  local function on(events, callback)
    api.nvim_create_autocmd(events, { group = group, callback = callback })
  end
  -- The mode changes only after its event.
  on(
    { 'InsertEnter' },
    vim.schedule_wrap(function()
      M.update()
    end)
  )
  on({ 'TextChangedI', 'TextChangedP', 'CursorMovedI', 'CompleteDone' }, function()
    M.update()
  end)
  on({ 'CompleteChanged' }, function()
    draw()
  end)
  on({ 'InsertLeave', 'BufLeave', 'WinLeave' }, function()
    M.clear()
  end)
end

return M
