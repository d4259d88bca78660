;;; emacs_probe.el --- What a test wants to know of Emacs  -*- lexical-binding: t -*-

;;; Commentary:

;; At SIGUSR1, writes down what the buffer holds and what is shown.  It is no command: nothing in Emacs notices.

;;; Code:

(require 'json)

(defvar emacs-probe-file nil "Where to write; set on the command line.")
(defvar emacs-probe--count 0 "How often it was written.")

(defun emacs-probe--overlay-text (symbol)
  "The text that the overlay in the variable SYMBOL draws, or nil."
  (let ((overlay (and (boundp symbol) (symbol-value symbol))))
    (when (and (overlayp overlay) (overlay-buffer overlay))
      (let ((text (or (overlay-get overlay 'display) (overlay-get overlay 'after-string))))
        (and text (substring-no-properties text))))))

(defun emacs-probe-write ()
  "Write everything down."
  (interactive)
  (with-current-buffer (window-buffer (selected-window))
    (let ((inhibit-quit t)
          (state (list :count (setq emacs-probe--count (1+ emacs-probe--count))
                       :pid (emacs-pid)
                       :file (or buffer-file-name "")
                       :before (buffer-substring-no-properties (point-min) (point))
                       :after (buffer-substring-no-properties (point) (point-max))
                       :ghost (or (emacs-probe--overlay-text 'pilotfish-ghost--overlay)
                                  (emacs-probe--overlay-text 'completion-preview--overlay)
                                  "")
                       :status (or (and (boundp 'pilotfish-status) (plist-get pilotfish-status :state)) "")
                       :reason (or (and (boundp 'pilotfish-status) (plist-get pilotfish-status :message)) "")
                       :enabled (if (bound-and-true-p pilotfish-mode) t :false)
                       :prompt (if (active-minibuffer-window) t :false)
                       :messages (with-current-buffer (messages-buffer) (buffer-string))))
          (coding-system-for-write 'utf-8-unix))
      (with-temp-file (concat emacs-probe-file ".new")
        (insert (json-serialize state :false-object :false)))
      (rename-file (concat emacs-probe-file ".new") emacs-probe-file t))))

(define-key special-event-map [sigusr1] #'emacs-probe-write)
(add-hook 'emacs-startup-hook #'emacs-probe-write)

;;; emacs_probe.el ends here
