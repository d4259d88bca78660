--- The command `:Pilotfish`.
local client = require('pilotfish.client')
local messages = require('pilotfish.messages')

local M = {}

--- Have the language server start or stop its backend.
---@param command string
local function backend(command)
  return function()
    client.with(function(server)
      client.execute(server, 'pilotfish.backend.' .. command)
    end)
  end
end

local function status()
  client.with(function(server)
    client.execute(server, 'pilotfish.backend.status', nil, function(told)
      local words = require('pilotfish.status').words(told)
      local chunks = { { ('Pilotfish: %s (%s backend)'):format(words, told.backend) } }
      if messages.last then
        chunks[2] = { '\n' .. messages.last }
      end
      vim.api.nvim_echo(chunks, false, {})
    end)
  end)
end

---@param path string
local function open(path)
  if vim.uv.fs_stat(path) then
    vim.cmd.split({ vim.fn.fnameescape(path), mods = { keepalt = true } })
    vim.bo.modifiable, vim.bo.autoread, vim.bo.swapfile = false, true, false
    vim.cmd('normal! G')
  else
    vim.notify('Pilotfish: the local backend has not logged anything yet', vim.log.levels.INFO)
  end
end

--- Show the local backend's log. The language server answers with its path, and tells it as well.
local function log()
  client.with(function(server)
    client.execute(server, 'pilotfish.backend.logs', nil, function(told)
      if told.path ~= '' then
        open(told.path)
      end
    end)
  end)
end

--- Show the help, which has tags only where a plugin manager has made them.
local function help()
  local path = vim.api.nvim_get_runtime_file('doc/pilotfish.txt', false)[1]
  vim.cmd.split({ vim.fn.fnameescape(path), mods = { keepalt = true } })
  vim.bo.buftype, vim.bo.modifiable, vim.bo.filetype = 'help', false, 'help'
end

---@class pilotfish.Subcommand
---@field run fun(arguments: string[], config: pilotfish.Config)
---@field complete? fun(config: pilotfish.Config): string[]

---@type table<string, pilotfish.Subcommand>
local SUBCOMMANDS = {
  start = { run = backend('start') },
  stop = { run = backend('stop') },
  restart = { run = backend('restart') },
  status = { run = status },
  toggle = {
    run = function()
      require('pilotfish').toggle()
    end,
  },
  log = { run = log },
  help = { run = help },
  model = {
    run = function(arguments, config)
      require('pilotfish.models').choose(arguments[1], config)
    end,
    complete = function(config)
      return require('pilotfish.models').names(config)
    end,
  },
}

---@return string[]
local function names()
  local sorted = vim.tbl_keys(SUBCOMMANDS)
  table.sort(sorted)
  return sorted
end

--- What may stand where the user completes.
---@param typed string
---@param line string the command line up to there
---@param config pilotfish.Config
---@return string[]
local function candidates(typed, line, config)
  local words = vim.split(vim.trim(line:gsub('^.-Pilotfish!?%s', '')), '%s+', { trimempty = true })
  local chosen = SUBCOMMANDS[words[1]]
  local known = names()
  if chosen and (#words > 1 or typed == '') then
    known = chosen.complete and chosen.complete(config) or {}
  end
  return vim.tbl_filter(function(name)
    return vim.startswith(name, typed)
  end, known)
end

--- Create the command.
---@param config pilotfish.Config
function M.create(config)
  vim.api.nvim_create_user_command('Pilotfish', function(call)
    local name = call.fargs[1] or 'status'
    local chosen = SUBCOMMANDS[name]
    if chosen then
      chosen.run(vim.list_slice(call.fargs, 2), config)
    else
      local text = ':Pilotfish %s: there is no such command; there are %s'
      vim.notify(text:format(name, table.concat(names(), ', ')), vim.log.levels.ERROR)
    end
  end, {
    nargs = '*',
    desc = 'Pilotfish: backend, model and status',
    complete = function(typed, line, position)
      return candidates(typed, line:sub(1, position), config)
    end,
  })
end

return M
