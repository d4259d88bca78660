;;; pilotfish.el --- Ghost text from a model of your own  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0
;; Version: 0.1
;; Package-Requires: ((emacs "29.1"))

;;; Commentary:

;; What lsp-mode and eglot have in common: when to ask for suggestions, the commands, and the state in the mode line.
;; `pilotfish-lsp-mode' and `pilotfish-eglot' say how the language server is reached; one of them is enough.

;;; Code:

(require 'cl-lib)
(require 'pilotfish-ghost)

(defgroup pilotfish nil
  "Code completion from a model that you host yourself."
  :group 'tools)

(defcustom pilotfish-command '("pilotfish")
  "The language server: its program and arguments.
The program is found on the variable `exec-path', or has its full name."
  :type '(repeat string))

(defcustom pilotfish-settings nil
  "Settings for the language server, beside those of its config.toml.
A tree of property lists, read when the server starts.  For example
  (:completion (:maxLines 5) :languages (:disabled [\"markdown\"]))
API keys do not belong here."
  :type 'plist)

(defvar pilotfish-status '(:state "off" :message "" :model "" :backend "")
  "What the language server said last of itself.")

(defvar-local pilotfish-client nil
  "By what the language server of this buffer is reached: `lsp-mode' or `eglot'.")

(cl-defgeneric pilotfish-request (client method params done)
  "Ask CLIENT's server for METHOD with PARAMS.
DONE is called with the result, in this buffer, if there is one.")

(cl-defgeneric pilotfish-notify (client method params)
  "Tell CLIENT's server of METHOD with PARAMS.")

(cl-defgeneric pilotfish-place (client)
  "Where point is, as CLIENT says it: with :textDocument and :position.
Afterwards the server knows the buffer's text.")

(cl-defgeneric pilotfish-point (client position)
  "Where POSITION, of CLIENT's server, is in the buffer.")

(cl-defgeneric pilotfish-get (_client object key)
  "What OBJECT of a message holds under KEY, a keyword."
  (plist-get object key))

(defvar-local pilotfish--tick nil "The buffer's text as it was when we looked last, as a number.")
(defvar-local pilotfish--point nil "Where point was when we looked last.")
(defvar-local pilotfish--waiting nil "The text and point, as numbers, for which nothing was suggested.")
(defvar-local pilotfish--timer nil "What is to happen when the user pauses.")

;;;###autoload
(define-minor-mode pilotfish-mode
  "Show suggestions behind point, and the server's state in the mode line.
Switched on and off by lsp-mode and eglot; `pilotfish-toggle' is for people."
  :interactive nil
  :lighter (:eval (pilotfish--lighter))
  (if pilotfish-mode
      (progn
        (setq pilotfish--tick (buffer-chars-modified-tick))
        (add-hook 'post-command-hook #'pilotfish--after-command nil t))
    (remove-hook 'post-command-hook #'pilotfish--after-command t)
    (pilotfish--when-idle 0 nil)
    (pilotfish-ghost-hide)))

(defun pilotfish--after-command ()
  "Let what is shown follow the buffer, and ask again after a change."
  (let ((changed (/= pilotfish--tick (buffer-chars-modified-tick)))
        (moved (not (eq pilotfish--point (point)))))
    (setq pilotfish--tick (buffer-chars-modified-tick)
          pilotfish--point (point))
    (when (or changed moved)
      (pilotfish-ghost-update))
    (cond
     (executing-kbd-macro)
     ((and changed (not (memq this-command '(undo undo-only undo-redo))))
      (pilotfish--when-idle 0.01 (lambda () (pilotfish--ask 2))))
     ;; The server prepares for a place where the cursor rests.
     ((or changed moved)
      (pilotfish--when-idle 0.3 (lambda ()
                                  (pilotfish-notify pilotfish-client "pilotfish/cursor"
                                                    (pilotfish-place pilotfish-client))))))))

(defun pilotfish--when-idle (seconds action)
  "Call ACTION after SECONDS without a key, if this buffer is still current then.
It replaces what was to be called before; nil: nothing."
  (when pilotfish--timer
    (cancel-timer pilotfish--timer)
    (setq pilotfish--timer nil))
  (when action
    (let ((buffer (current-buffer)))
      (setq pilotfish--timer
            (run-with-idle-timer seconds nil
                                 (lambda ()
                                   (when (and (buffer-live-p buffer) (eq buffer (window-buffer)))
                                     (with-current-buffer buffer
                                       (when pilotfish-mode
                                         (funcall action))))))))))

(defun pilotfish--ask (kind)
  "Ask for suggestions for point, and show what comes in time.
KIND is 1 for a person who asked, 2 otherwise."
  (let ((tick (buffer-chars-modified-tick))
        (here (point))
        (up (pilotfish--up-p)))
    (pilotfish-request
     pilotfish-client "textDocument/inlineCompletion"
     (append (pilotfish-place pilotfish-client) `(:context (:triggerKind ,kind)))
     (lambda (result)
       (when (and (= tick (buffer-chars-modified-tick)) (= here (point)) (not (pilotfish--busy-p)))
         (let ((items (pilotfish--items result)))
           (setq pilotfish--waiting (unless items (list tick here)))
           (cond
            (items (pilotfish-ghost-show items))
            ((and (not up) (pilotfish--up-p)) (pilotfish--ask kind))
            ((= kind 1) (message "Pilotfish has no suggestion here")))))))))

(defun pilotfish--up-p ()
  "Whether there is a backend that answers."
  (member (plist-get pilotfish-status :state) '("ready" "working")))

(defun pilotfish--ask-again ()
  "Ask once more where nothing was suggested before the backend was ready."
  (with-current-buffer (window-buffer)
    (when (and pilotfish-mode (equal pilotfish--waiting (list (buffer-chars-modified-tick) (point))))
      (pilotfish--ask 2))))

(defun pilotfish--busy-p ()
  "Whether the user is choosing something else here."
  (or completion-in-region-mode (bound-and-true-p company-candidates)))

(defun pilotfish--items (result)
  "The suggestions in RESULT, of the request for inline completions at point."
  (delq nil (mapcar #'pilotfish--item (pilotfish-get pilotfish-client result :items))))

(defun pilotfish--item (item)
  "ITEM of the protocol as one of ours; nil if it does not begin at point."
  (let* ((client pilotfish-client)
         (range (pilotfish-get client item :range))
         (end (if range (pilotfish-point client (pilotfish-get client range :end)) (point)))
         (start (if range (pilotfish-point client (pilotfish-get client range :start)) (point))))
    (when (= start (point))
      (make-pilotfish-ghost-item
       :text (pilotfish-get client item :insertText)
       :replaced (- end start)
       :accepted (lambda () (pilotfish--execute "pilotfish.accepted"))))))

(defun pilotfish--execute (command &optional done)
  "Have the server execute COMMAND; DONE is called with what it answers."
  (let ((buffer (if pilotfish-mode
                    (current-buffer)
                  (seq-find (lambda (buffer) (buffer-local-value 'pilotfish-mode buffer)) (buffer-list)))))
    (unless buffer
      (user-error "Pilotfish is in none of the buffers: open a file with it first"))
    (with-current-buffer buffer
      (pilotfish-request pilotfish-client "workspace/executeCommand" `(:command ,command :arguments [])
                         (or done #'ignore)))))

(defun pilotfish-suggest ()
  "Ask for suggestions here, and for more than one."
  (interactive)
  (unless pilotfish-mode
    (user-error "Pilotfish is not in this buffer"))
  (pilotfish--ask 1))

(defun pilotfish-start ()
  "Start the backend on this machine, or connect to the other one anew."
  (interactive)
  (pilotfish--execute "pilotfish.backend.start"))

(defun pilotfish-stop ()
  "Stop the backend on this machine; it stays off until `pilotfish-start'."
  (interactive)
  (pilotfish--execute "pilotfish.backend.stop"))

(defun pilotfish-restart ()
  "Stop the backend on this machine and start it again."
  (interactive)
  (pilotfish--execute "pilotfish.backend.restart"))

(defun pilotfish-toggle ()
  "Switch suggestions off, or on again."
  (interactive)
  (pilotfish--execute "pilotfish.toggle"
                      (lambda (on)
                        (unless (eq on t)
                          (pilotfish-ghost-hide))
                        (message "Pilotfish is %s" (if (eq on t) "on" "off")))))

(defun pilotfish-log ()
  "Show the log of the backend on this machine."
  (interactive)
  (pilotfish--execute "pilotfish.backend.logs"
                      (lambda (answer)
                        (let ((path (pilotfish-get pilotfish-client answer :path)))
                          (when (and path (file-exists-p path))
                            (view-file-other-window path))))))

(defun pilotfish-show-status ()
  "Say how the language server and its backend are doing."
  (interactive)
  (cl-destructuring-bind (&key state message model backend &allow-other-keys) pilotfish-status
    (message "Pilotfish: %s" (mapconcat #'identity (seq-remove #'string-empty-p (list state model backend message))
                                        ", "))))

(defun pilotfish-status-changed (state message model backend)
  "Take what the server says of itself: STATE, MESSAGE, MODEL and BACKEND."
  (let ((was-up (pilotfish--up-p)))
    (setq pilotfish-status
          (list :state state :message (or message "") :model (or model "") :backend (or backend "")))
    (force-mode-line-update t)
    (when (and (pilotfish--up-p) (not was-up))
      (pilotfish--ask-again))))

(defun pilotfish--lighter ()
  "The state, for the mode line."
  (let ((state (plist-get pilotfish-status :state)))
    (concat " " (propertize (concat "Pilotfish:" state)
                            'face (when (equal state "error") 'error)
                            'help-echo (plist-get pilotfish-status :message)))))

(provide 'pilotfish)
;;; pilotfish.el ends here
