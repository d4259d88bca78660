;;; pilotfish-lsp-mode.el --- Pilotfish by lsp-mode  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Registers Pilotfish's language server with lsp-mode, as an addition to whatever other servers a buffer has.
;;
;; The suggestions are shown by `pilotfish-ghost' and not by lsp-mode's own `lsp-inline-completion-mode', which asks when
;; nothing was typed for some time, removes what it shows at each key, and calls its request off then, so that a model
;; on a CPU never gets to its end while somebody types.

;;; Code:

(require 'lsp-mode)
(require 'pilotfish)

(declare-function lsp-inline-completion-mode "lsp-inline-completion")

(lsp-register-client
 (make-lsp-client
  :new-connection (lsp-stdio-connection (lambda () pilotfish-command))
  :activation-fn (lambda (_file _mode) t)
  :server-id 'pilotfish
  :add-on? t
  :initialization-options (lambda () pilotfish-settings)
  :notification-handlers (ht ("pilotfish/status" #'pilotfish-lsp-mode--status))))

(defun pilotfish-lsp-mode--workspace ()
  "The connection of this buffer to our server, if there is one."
  (seq-find (lambda (workspace) (eq 'pilotfish (lsp--client-server-id (lsp--workspace-client workspace))))
            (lsp-workspaces)))

(defun pilotfish-lsp-mode--opened ()
  "Show suggestions in this buffer, if our server has it."
  (when (pilotfish-lsp-mode--workspace)
    (unless pilotfish-mode
      (setq pilotfish-client 'lsp-mode)
      (pilotfish-mode 1))
    (when (bound-and-true-p lsp-inline-completion-mode)
      (lsp-inline-completion-mode -1))))

(defun pilotfish-lsp-mode--closed ()
  "Show no suggestions in this buffer any more, if lsp-mode has left it."
  (unless lsp-managed-mode
    (pilotfish-mode -1)))

;; Late, behind what switches lsp-mode's own inline completion on, which happens each time a server registers something.
(add-hook 'lsp-configure-hook #'pilotfish-lsp-mode--opened 90)
(add-hook 'lsp-managed-mode-hook #'pilotfish-lsp-mode--closed)

(defun pilotfish-lsp-mode--status (_workspace status)
  "Take STATUS, what the server says of itself."
  (pilotfish-status-changed (lsp-get status :state) (lsp-get status :message)
                            (lsp-get status :model) (lsp-get status :backend)))

(cl-defmethod pilotfish-request ((_client (eql 'lsp-mode)) method params done)
  "Send METHOD with PARAMS to our server only, and call DONE with its answer."
  (let ((buffer (current-buffer)))
    (with-lsp-workspace (pilotfish-lsp-mode--workspace)
      (lsp-request-async method params
                         (lambda (result)
                           (when (buffer-live-p buffer)
                             (with-current-buffer buffer
                               (funcall done result))))
                         ;; Requests are not called off when one types on: the answer may still fit.
                         :mode 'detached
                         :error-handler #'ignore))))

(cl-defmethod pilotfish-notify ((_client (eql 'lsp-mode)) method params)
  "Send METHOD with PARAMS to our server only."
  (with-lsp-workspace (pilotfish-lsp-mode--workspace)
    (lsp-notify method params)))

(cl-defmethod pilotfish-place ((_client (eql 'lsp-mode)))
  "Point; lsp-mode tells the server of each change at once."
  (lsp--text-document-position-params))

(cl-defmethod pilotfish-point ((_client (eql 'lsp-mode)) position)
  "Where POSITION is."
  (lsp--position-to-point position))

(cl-defmethod pilotfish-get ((_client (eql 'lsp-mode)) object key)
  "What OBJECT, a hash table or a property list, has under KEY."
  (lsp-get object key))

(provide 'pilotfish-lsp-mode)
;;; pilotfish-lsp-mode.el ends here
