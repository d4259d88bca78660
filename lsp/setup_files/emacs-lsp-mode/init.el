;; Pilotfish: ghost text from a model of your own, by lsp-mode. For ~/.emacs.d/init.el.
(with-eval-after-load 'lsp-mode
  (add-to-list 'load-path $emacs_plugin)
  (require 'pilotfish-lsp-mode)
  (setq pilotfish-command '($command)))
(add-hook 'prog-mode-hook #'lsp-deferred)
