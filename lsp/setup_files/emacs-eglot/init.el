;; Pilotfish: ghost text from a model of your own, by eglot. For ~/.emacs.d/init.el.
;; Eglot has one server for each mode. In the modes that are named here, Pilotfish takes that place.
(with-eval-after-load 'eglot
  (add-to-list 'load-path $emacs_plugin)
  (require 'pilotfish-eglot)
  (setq pilotfish-command '($command))
  (add-to-list 'eglot-server-programs '((python-mode python-ts-mode) . pilotfish-eglot-contact)))
(add-hook 'python-base-mode-hook #'eglot-ensure)
