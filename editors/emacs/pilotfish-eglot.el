;;; pilotfish-eglot.el --- Pilotfish by eglot  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; How eglot reaches Pilotfish's language server.  In `eglot-server-programs' it is `pilotfish-eglot-contact':
;;
;;   (add-to-list 'eglot-server-programs '((python-mode python-ts-mode) . pilotfish-eglot-contact))

;;; Code:

(require 'eglot)
(require 'pilotfish)

(defclass pilotfish-eglot-server (eglot-lsp-server) ()
  "Pilotfish's language server.")

(defun pilotfish-eglot-contact (&rest _)
  "How the language server is started."
  `(pilotfish-eglot-server ,@pilotfish-command
                           ,@(and pilotfish-settings `(:initializationOptions ,pilotfish-settings))))

(cl-defmethod eglot-client-capabilities ((_server pilotfish-eglot-server))
  "What eglot understands, and inline completion, which we add."
  (let* ((capabilities (cl-call-next-method))
         (of-documents (plist-get capabilities :textDocument)))
    (plist-put capabilities :textDocument
               (plist-put of-documents :inlineCompletion '(:dynamicRegistration :json-false)))))

(cl-defmethod eglot-handle-notification ((_server pilotfish-eglot-server) (_method (eql pilotfish/status))
                                         &key state message model backend &allow-other-keys)
  "Take what the server says of itself: STATE, MESSAGE, MODEL and BACKEND."
  (pilotfish-status-changed state message model backend))

(defun pilotfish-eglot--managed ()
  "Show suggestions in this buffer as long as our server has it."
  (setq pilotfish-client 'eglot)
  (pilotfish-mode (if (and (eglot-managed-p) (cl-typep (eglot-current-server) 'pilotfish-eglot-server)) 1 -1)))

(add-hook 'eglot-managed-mode-hook #'pilotfish-eglot--managed)

(cl-defmethod pilotfish-request ((_client (eql 'eglot)) method params done)
  "Send METHOD with PARAMS, and call DONE with the answer."
  (let ((buffer (current-buffer)))
    (jsonrpc-async-request (eglot-current-server) (intern (concat ":" method)) params
                           :success-fn (lambda (result)
                                         (when (buffer-live-p buffer)
                                           (with-current-buffer buffer
                                             (funcall done result))))
                           :error-fn #'ignore
                           :timeout-fn #'ignore)))

(cl-defmethod pilotfish-notify ((_client (eql 'eglot)) method params)
  "Send METHOD with PARAMS."
  (jsonrpc-notify (eglot-current-server) (intern (concat ":" method)) params))

(cl-defmethod pilotfish-place ((_client (eql 'eglot)))
  "Point, and before that what of the changes eglot has not told the server yet."
  (eglot--signal-textDocument/didChange)
  (eglot--TextDocumentPositionParams))

(cl-defmethod pilotfish-point ((_client (eql 'eglot)) position)
  "Where POSITION is."
  (eglot--lsp-position-to-point position))

(provide 'pilotfish-eglot)
;;; pilotfish-eglot.el ends here
