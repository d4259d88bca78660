--- What the language server says to the user.
local M = {}

local LEVELS = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.DEBUG }

--- The last message in full, for `:Pilotfish status`.
---@type string?
M.last = nil

--- The beginning of a text that the message line holds: more would stop the user until a key is pressed.
---@param text string
---@param hint string what is put behind a text that was cut
---@return string
function M.one_line(text, hint)
  local room = math.max(20, vim.v.echospace)
  local line = text:gsub('%s*\n%s*', ' ')
  if vim.fn.strdisplaywidth(line) <= room then
    return line
  end
  return vim.fn.strcharpart(line, 0, math.max(0, room - vim.fn.strdisplaywidth(hint) - 1)) .. '…' .. hint
end

--- Whether Neovim's own function shows notifications, which knows only the message line.
local function plain_notify()
  -- From 0.12 on Neovim's own Lua is compiled in, without the names of files.
  local source = debug.getinfo(vim.notify, 'S').source
  return not vim.startswith(source, '@') or vim.startswith(source, '@vim/')
end

--- Have what stands in the message line count as read: two messages in one breath would stop the user as well.
local function make_room()
  vim.cmd.redraw()
end

--- Tell the user something that must be acted on, or was asked for. What is too long for the message line stands there
--- in short, and in full in a corner.
---@param text string
---@param level integer one of vim.log.levels
function M.show(text, level)
  M.last = text
  local full = 'Pilotfish: ' .. text
  if not plain_notify() then
    vim.notify(full, level)
    return
  end
  local line = M.one_line(full, ' (:Pilotfish status)')
  make_room()
  vim.notify(line, level)
  if line ~= full then
    require('pilotfish.notice').show(full)
  end
end

--- Say in passing how it goes. Nothing is kept, and nothing is interrupted.
---@param text string
function M.mention(text)
  local mode = vim.api.nvim_get_mode()
  if not mode.blocking and not mode.mode:match('^[cr]') then
    make_room()
    vim.api.nvim_echo({ { M.one_line('Pilotfish: ' .. text, '') } }, false, {})
  end
end

--- Ask once the user is done typing: a question in the middle of a word would be answered by the next letter.
---@param params lsp.ShowMessageRequestParams
---@param done fun(action?: lsp.MessageActionItem)
local function ask(params, done)
  local function now()
    vim.ui.select(params.actions or {}, {
      prompt = 'Pilotfish: ' .. params.message,
      format_item = function(action)
        return action.title
      end,
    }, done)
  end
  if vim.api.nvim_get_mode().mode:match('^n') then
    return now()
  end
  M.mention('has a question, once you leave insert mode')
  vim.api.nvim_create_autocmd(
    'ModeChanged',
    { pattern = '*:n', once = true, callback = vim.schedule_wrap(now) }
  )
end

--- Handlers for the language server's messages.
---@return table<string, lsp.Handler>
function M.handlers()
  return {
    ['window/showMessage'] = function(_, params)
      M.show(params.message, LEVELS[params.type] or vim.log.levels.INFO)
    end,
    ['window/showMessageRequest'] = function(_, params)
      local thread = assert(coroutine.running())
      ask(params, function(action)
        -- A choice that is made at once must not resume what has not stopped yet.
        vim.schedule(function()
          coroutine.resume(thread, action or vim.NIL)
        end)
      end)
      return coroutine.yield()
    end,
  }
end

return M
