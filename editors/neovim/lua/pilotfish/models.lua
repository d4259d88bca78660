--- Chooses the model. The language server fetches one that is not there, after it has asked.
local client = require('pilotfish.client')

local M = {}

local PATIENCE = 20000 -- milliseconds

---@class pilotfish.Model
---@field name string
---@field present boolean
---@field size integer bytes
---@field licence string

--- Read what `pilotfish-backend models --json` prints.
---@param done vim.SystemCompleted
---@return pilotfish.Model[]? models
---@return string? problem
local function read(done)
  if done.code ~= 0 then
    return nil, vim.trim(done.stderr or '') .. (' (exit status %d)'):format(done.code)
  end
  local decoded, list = pcall(vim.json.decode, done.stdout, { luanil = { object = true } })
  if not decoded or type(list.models) ~= 'table' then
    return nil, 'pilotfish-backend models --json printed no list'
  end
  return list.models
end

--- Names of the models that can be served here, for the command line.
---@param config pilotfish.Config
---@return string[]
function M.names(config)
  local program = require('pilotfish.program').backend(config)
  if not program then
    return {}
  end
  local models = read(
    vim.system({ program, 'models', '--json' }, { text = true, cwd = vim.uv.os_homedir() }):wait(PATIENCE)
  )
  return vim.tbl_map(function(model)
    return model.name
  end, models or {})
end

--- Tell every language server, those that start later included.
---@param name string
---@param config pilotfish.Config
local function set(name, config)
  config.settings.backend = vim.tbl_extend('force', config.settings.backend or {}, { model = name })
  for _, server in ipairs(client.all()) do
    server.settings =
      vim.tbl_deep_extend('force', server.settings or {}, { pilotfish = { backend = { model = name } } })
    client.notify(server, 'workspace/didChangeConfiguration', { settings = server.settings })
  end
  local text = "%s until you leave Neovim; to keep it: settings = { backend = { model = '%s' } }"
  require('pilotfish.messages').mention(text:format(name, name))
end

---@param model pilotfish.Model
local function described(model)
  local size = ('%.1f GB'):format(model.size / 1e9)
  return ('%s  (%s, %s)'):format(
    model.name,
    model.present and 'here' or size .. ' to download',
    model.licence
  )
end

--- Take a model, or let the user choose one.
---@param name? string
---@param config pilotfish.Config
function M.choose(name, config)
  if name then
    return set(name, config)
  end
  local program = require('pilotfish.program').backend(config)
  if not program then
    vim.notify(
      'Pilotfish: no local backend is installed; name a model: :Pilotfish model NAME',
      vim.log.levels.WARN
    )
    return
  end
  local options = { text = true, cwd = vim.uv.os_homedir(), timeout = PATIENCE }
  vim.system(
    { program, 'models', '--json' },
    options,
    vim.schedule_wrap(function(done)
      local models, problem = read(done)
      if not models then
        vim.notify('Pilotfish: can not list the models: ' .. problem, vim.log.levels.ERROR)
        return
      end
      vim.ui.select(models, { prompt = 'Pilotfish: model', format_item = described }, function(model)
        if model then
          set(model.name, config)
        end
      end)
    end)
  )
end

return M
