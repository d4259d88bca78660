--- The language server's client: where it runs, and how it is spoken to in each version of Neovim.
local M = {}

M.NAME = 'pilotfish'
local HAS_METHODS = vim.fn.has('nvim-0.11') == 1
local PATIENCE = 5000 -- milliseconds that a server may take to start

--- The client of a buffer that is ready for requests.
---@param buffer? integer the current one when left out
---@return vim.lsp.Client?
function M.of(buffer)
  local clients = vim.lsp.get_clients({ name = M.NAME, bufnr = buffer or vim.api.nvim_get_current_buf() })
  return vim.iter(clients):find(function(client)
    return client.initialized and not client:is_stopped()
  end)
end

--- All that run, one for each workspace.
---@return vim.lsp.Client[]
function M.all()
  return vim.lsp.get_clients({ name = M.NAME })
end

--- Do something with the buffer's client, or any; one that is starting is waited for. Where there is none the user is
--- told.
---@param action fun(client: vim.lsp.Client)
function M.with(action)
  local ready = M.of() or M.all()[1]
  if ready then
    return action(ready)
  end
  local timer = assert(vim.uv.new_timer())
  local waiting = vim.api.nvim_create_autocmd('LspAttach', {
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == M.NAME then
        timer:close()
        action(client)
        return true
      end
    end,
  })
  local patience = (vim.bo.filetype == '' or vim.bo.buftype ~= '') and 0 or PATIENCE
  timer:start(
    patience,
    0,
    vim.schedule_wrap(function()
      timer:close()
      vim.api.nvim_del_autocmd(waiting)
      vim.notify(
        'Pilotfish: no language server runs; it starts with the first file of a known type',
        vim.log.levels.WARN
      )
    end)
  )
end

---@param client vim.lsp.Client
---@param method string
---@param params table
---@param handler lsp.Handler
---@param buffer? integer
---@return integer? id for `cancel`; nil when it could not be sent
function M.request(client, method, params, handler, buffer)
  local sent, id
  if HAS_METHODS then
    sent, id = client:request(method, params, handler, buffer)
  else
    sent, id = client.request(method, params, handler, buffer)
  end
  return sent and id or nil
end

---@param client vim.lsp.Client
---@param id integer
function M.cancel(client, id)
  if client:is_stopped() then
    return
  end
  if HAS_METHODS then
    client:cancel_request(id)
  else
    client.cancel_request(id)
  end
end

---@param client vim.lsp.Client
---@param method string
---@param params table
function M.notify(client, method, params)
  if HAS_METHODS then
    client:notify(method, params)
  else
    client.notify(method, params)
  end
end

--- Have the server execute a command of its own.
---@param client vim.lsp.Client
---@param command string
---@param arguments? any[]
---@param done? fun(result: any) not called after an error, which the user is told
function M.execute(client, command, arguments, done)
  M.request(
    client,
    'workspace/executeCommand',
    { command = command, arguments = arguments },
    function(err, result)
      if err then
        vim.notify(('Pilotfish: %s: %s'):format(command, err.message), vim.log.levels.ERROR)
      elseif done then
        done(result)
      end
    end
  )
end

--- Settings as they are sent. An empty table would go out as a list, and says nothing.
---@param settings table<string, any>
---@return table
function M.settings(settings)
  local told = {}
  for name, value in pairs(settings) do
    if type(value) ~= 'table' or next(value) ~= nil then
      told[name] = value
    end
  end
  return next(told) and { pilotfish = told } or {}
end

--- What Neovim's client is told of the server.
---@param config pilotfish.Config
---@param cmd string[]|function
---@return vim.lsp.ClientConfig
function M.configuration(config, cmd)
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  -- Neovim announces it from 0.12 on, where it has ghost text of its own.
  capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  capabilities.experimental =
    vim.tbl_extend('force', capabilities.experimental or {}, { pilotfishMore = true })
  return {
    name = M.NAME,
    cmd = cmd,
    -- Never in the workspace, whose files must not be taken for the server's.
    cmd_cwd = vim.uv.os_homedir(),
    filetypes = config.filetypes,
    root_markers = config.root_markers,
    capabilities = capabilities,
    settings = M.settings(config.settings),
    handlers = vim.tbl_extend(
      'error',
      require('pilotfish.messages').handlers(),
      require('pilotfish.status').handlers(config),
      require('pilotfish.suggesting').handlers()
    ),
    on_init = function(client)
      require('pilotfish.switch').tell(client)
    end,
    on_exit = function(_, _, id)
      vim.schedule(function()
        require('pilotfish.status').ended(id)
      end)
    end,
  }
end

--- Start the server with the first file, and attach it to all.
---@param config pilotfish.Config
function M.enable(config)
  local cmd, problem = require('pilotfish.program').command(config)
  if not cmd then
    vim.notify('Pilotfish: ' .. problem, vim.log.levels.ERROR)
    return
  end
  local configuration = M.configuration(config, cmd)
  if HAS_METHODS then
    vim.lsp.config(M.NAME, configuration)
    vim.lsp.enable(M.NAME)
  else
    M._start_with_files(configuration)
  end
end

--- What `vim.lsp.enable` does, for Neovim 0.10.
---@private
---@param configuration table
function M._start_with_files(configuration)
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('pilotfish.start', {}),
    pattern = configuration.filetypes or '*',
    callback = function(event)
      if vim.bo[event.buf].buftype ~= '' then
        return
      end
      local root = vim
        .iter(configuration.root_markers)
        :map(function(marker)
          return vim.fs.root(event.buf, marker)
        end)
        :next()
      local started =
        vim.tbl_extend('force', configuration, { root_dir = root, filetypes = nil, root_markers = nil })
      vim.lsp.start(started, {
        bufnr = event.buf,
        reuse_client = function(client, wanted)
          return client.name == wanted.name and client.root_dir == wanted.root_dir and not client.is_stopped()
        end,
      })
    end,
  })
end

return M
