--- `:checkhealth pilotfish`.
local M = {}

local health = vim.health
local PATIENCE = 20000 -- milliseconds

local function check_neovim()
  health.start('Neovim')
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.10') == 1 then
    health.ok(version)
  else
    health.error(version .. ' is too old', { 'Pilotfish needs Neovim 0.10 or later' })
  end
end

---@param config pilotfish.Config
local function check_program(config)
  health.start('Language server')
  local cmd, problem = require('pilotfish.program').command(config)
  if not cmd then
    health.error(problem)
    return
  end
  if type(cmd) == 'function' then
    health.ok('reached by a function of yours')
    return
  end
  local started, run = pcall(vim.system, { cmd[1], '--version' }, { text = true, cwd = vim.uv.os_homedir() })
  local done = started and run:wait(PATIENCE)
  if done and done.code == 0 then
    health.ok(('%s, %s'):format(vim.trim(done.stdout), cmd[1]))
  else
    health.error(cmd[1] .. ' does not run', { done and vim.trim(done.stderr) or tostring(run) })
  end
  if config.settings.backend and config.settings.backend.url then
    health.ok('completions come from ' .. config.settings.backend.url)
  elseif require('pilotfish.program').backend(config) then
    health.ok('the local backend is installed beside it')
  else
    health.info('no local backend is installed beside it; it needs the address of another: backend.url')
  end
  health.info(('more: %s doctor'):format(cmd[1]))
end

local function check_clients()
  health.start('Running now')
  local clients = require('pilotfish.client').all()
  if #clients == 0 then
    health.info('no language server; it starts with the first file of a known type')
  end
  for _, server in ipairs(clients) do
    local buffers = vim.tbl_count(server.attached_buffers)
    local told = require('pilotfish.status').of(server)
    local text = ('%s: %s, %d buffers'):format(server.root_dir or 'no workspace', told, buffers)
    local report = vim.startswith(told, 'error') and health.warn or health.ok
    report(text)
    if not server.server_capabilities.inlineCompletionProvider then
      health.error('this server has no inline completion', { 'upgrade Pilotfish' })
    end
  end
end

---@param config pilotfish.Config
local function check_keys(config)
  health.start('Keys of insert mode')
  for action, key in vim.spairs(config.keys) do
    local mapped = key and vim.fn.maparg(key, 'i', false, true) or {}
    local text = ('%s: %s'):format(action, key or 'none')
    if key and mapped.desc ~= 'Pilotfish: ' .. action then
      local advice = 'call setup() after it, or have that mapping call require("pilotfish").%s()'
      health.warn(text .. ' is mapped by something else', { advice:format(action) })
    else
      health.ok(text)
    end
  end
end

--- Look at everything.
function M.check()
  check_neovim()
  local config = require('pilotfish.config').current
  if not config then
    health.start('Set-up')
    health.error("require('pilotfish').setup() was not called")
    return
  end
  for _, problem in ipairs(require('pilotfish.config').problems) do
    health.error('setup: ' .. problem)
  end
  check_program(config)
  check_clients()
  check_keys(config)
end

return M
