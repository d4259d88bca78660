;; Pilotfish: ghost text from a model of your own, by eglot. For ~/.emacs.d/init.el.
(require 'eglot)
(require 'completion-preview)
(add-to-list 'eglot-server-programs '(prog-mode . ($command)))
(setq completion-preview-minimum-symbol-length nil)
(add-hook 'prog-mode-hook #'eglot-ensure)
(add-hook 'prog-mode-hook #'completion-preview-mode)
