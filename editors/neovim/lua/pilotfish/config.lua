--- What can be set. The table of defaults is the documentation.
local M = {}

---@class pilotfish.Keys
---@field accept? string|false
---@field accept_word? string|false
---@field accept_line? string|false
---@field next? string|false
---@field previous? string|false
---@field dismiss? string|false

---@class pilotfish.Options
---@field cmd? string[]|fun(dispatchers: vim.lsp.rpc.Dispatchers): vim.lsp.rpc.PublicClient
---@field filetypes? string[]
---@field root_markers? string[]
---@field settings? table<string, any>
---@field ghost_text? 'own'|'native'
---@field automatic? boolean
---@field beside_menu? boolean
---@field keys? pilotfish.Keys
---@field messages? boolean

---@class pilotfish.Config: pilotfish.Options
---@field root_markers string[]
---@field settings table<string, any>
---@field keys pilotfish.Keys

---@type pilotfish.Config
M.defaults = {
  -- The language server and its arguments, or a function that connects to one, as vim.lsp.rpc.connect() returns.
  -- nil: `pilotfish` on PATH, else in ~/.local/share/pilotfish/bin.
  cmd = nil,

  -- The filetypes to suggest in. nil: all. The language server has `languages.disabled` for the opposite.
  filetypes = nil,

  -- A folder that holds one of these is a workspace; the first ones count most.
  root_markers = { '.pilotfish.toml', '.git', '.hg' },

  -- The language server's settings, as in docs/settings.md: { completion = { max_lines = 5 } }. What is left out
  -- here is as in your config.toml.
  settings = {},

  -- 'own': ghost text by this plugin, which follows each key. 'native': by Neovim 0.12 and later, which waits for
  -- 200 ms without a key before it asks.
  ghost_text = 'own',

  -- Whether to suggest while you type. If not, the keys `next` and `previous` ask.
  automatic = true,

  -- Whether ghost text is also shown while Neovim's completion menu is open. If not, keys are the menu's until then.
  beside_menu = false,

  -- Keys of insert mode, or false. Each does what it did before (`<Tab>`: what it was mapped to, or a tab) when there
  -- is no suggestion. Whatever is chosen here, <Plug>(pilotfish-accept-word) and so on can be mapped too.
  keys = {
    accept = '<Tab>',
    accept_word = false,
    accept_line = false,
    next = false,
    previous = false,
    dismiss = false,
  },

  -- Whether to tell in the message line how a start or a download goes. The status line's function and LspProgress
  -- tell it in any case.
  messages = true,
}

--- What `setup()` has made of its options; nil before.
---@type pilotfish.Config?
M.current = nil
---@type string[]
M.problems = {}

---@param value any
---@return boolean
local function is_texts(value)
  if type(value) ~= 'table' or not vim.islist(value) then
    return false
  end
  return vim.iter(value):all(function(entry)
    return type(entry) == 'string'
  end)
end

---@param kind string
local function is(kind)
  return function(value)
    return type(value) == kind
  end
end

--- What each takes: how the message names it, and the test.
---@type table<string, { [1]: string, [2]: fun(value: any): boolean }>
local KINDS = {
  cmd = {
    'a list of texts, the program first, or a function',
    function(value)
      return type(value) == 'function' or (is_texts(value) and #value > 0)
    end,
  },
  filetypes = { 'a list of filetypes', is_texts },
  root_markers = { 'a list of file names', is_texts },
  settings = { 'a table', is('table') },
  ghost_text = {
    "'own' or 'native'",
    function(value)
      return value == 'own' or value == 'native'
    end,
  },
  automatic = { 'true or false', is('boolean') },
  beside_menu = { 'true or false', is('boolean') },
  keys = { 'a table', is('table') },
  messages = { 'true or false', is('boolean') },
}

---@param value any
local function is_key(value)
  return value == false or (type(value) == 'string' and value ~= '')
end

---@param known table<string, any>
---@return string
local function names(known)
  local sorted = vim.tbl_keys(known)
  table.sort(sorted)
  return table.concat(sorted, ', ')
end

--- Take over what is right, and collect what is not.
---@param given table
---@param into table
---@param kind_of fun(name: any): { [1]: string, [2]: fun(value: any): boolean }|nil
---@param prefix string
---@param problems string[]
local function take(given, into, kind_of, prefix, problems)
  for name, value in pairs(given) do
    local kind = kind_of(name)
    if not kind then
      local text = '%s%s is no setting; there are %s'
      problems[#problems + 1] = text:format(prefix, tostring(name), names(prefix == '' and KINDS or into))
    elseif not kind[2](value) then
      local text = '%s%s must be %s, not %s'
      problems[#problems + 1] =
        text:format(prefix, name, kind[1], vim.inspect(value, { newline = ' ', indent = '' }))
    else
      into[name] = value
    end
  end
end

--- Merge options into the defaults.
---@param options any
---@return pilotfish.Config config
---@return string[] problems what is wrong, by name; the defaults stand in for it
function M.merge(options)
  local config, problems = vim.deepcopy(M.defaults), {}
  if options ~= nil and type(options) ~= 'table' then
    return config, { 'the options must be a table, not ' .. vim.inspect(options) }
  end
  local keys = config.keys
  take(options or {}, config, function(name)
    return KINDS[name]
  end, '', problems)
  local wanted = config.keys
  config.keys = keys
  if wanted ~= keys then
    take(wanted, config.keys, function(name)
      return keys[name] ~= nil and { 'a key such as <Tab>, or false', is_key } or nil
    end, 'keys.', problems)
  end
  if config.ghost_text == 'native' and not vim.lsp.inline_completion then
    config.ghost_text = 'own'
    problems[#problems + 1] = "ghost_text = 'native' needs Neovim 0.12 or later"
  end
  table.sort(problems)
  return config, problems
end

--- Merge options into the defaults, and tell the user what is wrong with them.
---@param options any
---@return pilotfish.Config
function M.read(options)
  local config, problems = M.merge(options)
  M.current, M.problems = config, problems
  for _, problem in ipairs(problems) do
    vim.notify("require('pilotfish').setup: " .. problem, vim.log.levels.ERROR)
  end
  return config
end

return M
