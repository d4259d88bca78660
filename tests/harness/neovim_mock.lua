-- A language server inside of Neovim, for tests of the plugin. `Mock` holds what it answers and what it was sent.
Mock = {
  encoding = 'utf-8',
  sent = {}, -- { method, params } of all that came, in this order
  held = {}, -- answers that wait for Mock.release(), while `holding`
  holding = false,
  results = {}, -- by method: what is answered, or a function of the parameters
}

---@param method string
function Mock.count(method)
  return #vim.tbl_filter(function(message)
    return message[1] == method
  end, Mock.sent)
end

--- Answer all that waits.
function Mock.release()
  local held = Mock.held
  Mock.held = {}
  for _, answer in ipairs(held) do
    answer()
  end
end

--- Suggest texts at the cursor, in front of so many characters that they replace.
function Mock.suggest(texts, over)
  Mock.results['textDocument/inlineCompletion'] = function(params)
    local at = params.position
    local range = { start = at, ['end'] = { line = at.line, character = at.character + (over or 0) } }
    local command = { title = 'accepted', command = 'pilotfish.accepted' }
    return {
      items = vim.tbl_map(function(text)
        return { insertText = text, range = range, command = command }
      end, texts),
    }
  end
end

local CAPABILITIES = { inlineCompletionProvider = {}, textDocumentSync = { openClose = true, change = 2 } }

--- For `cmd`.
function Mock.connect(dispatchers)
  Mock.dispatchers = dispatchers
  local closing, id = false, 0
  return {
    request = function(method, params, callback)
      id = id + 1
      Mock.sent[#Mock.sent + 1] = { method, params }
      local function answer()
        local result = Mock.results[method]
        if method == 'initialize' then
          local capabilities = vim.tbl_extend('force', CAPABILITIES, { positionEncoding = Mock.encoding })
          result = { capabilities = capabilities }
        elseif type(result) == 'function' then
          result = result(params)
        end
        callback(nil, result or nil) -- as Neovim's own client does, false included
      end
      if Mock.holding and method == 'textDocument/inlineCompletion' then
        Mock.held[#Mock.held + 1] = answer
      else
        vim.schedule(answer)
      end
      return true, id
    end,
    notify = function(method, params)
      Mock.sent[#Mock.sent + 1] = { method, params }
      return true
    end,
    is_closing = function()
      return closing
    end,
    terminate = function()
      closing = true
    end,
  }
end
