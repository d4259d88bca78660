;;; pilotfish-ghost.el --- Ghost text at the cursor  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Draws suggestions in grey behind the cursor, without changing the buffer.  Typing what they say shortens them, typing
;; anything else removes them.  While one is shown, the keys of `pilotfish-ghost-map' accept, cycle and dismiss; at all
;; other times those keys do what they always did.  Nothing here knows where suggestions come from.

;;; Code:

(require 'cl-lib)
(require 'seq)

(defface pilotfish-ghost '((t :inherit shadow))
  "Face of suggestions that are not accepted yet."
  :group 'pilotfish)

(cl-defstruct pilotfish-ghost-item
  "A suggestion for one place."
  (text "" :documentation "What is inserted there.")
  (replaced 0 :documentation "How many characters behind the place it replaces.")
  (accepted #'ignore :documentation "Called without arguments when all of it was accepted."))

(defvar-keymap pilotfish-ghost-map
  :doc "Keys while a suggestion is shown."
  "TAB" #'pilotfish-accept
  "<tab>" #'pilotfish-accept
  "M-f" #'pilotfish-accept-word
  "M-<right>" #'pilotfish-accept-word
  "C-e" #'pilotfish-accept-line
  "M-n" #'pilotfish-next
  "M-p" #'pilotfish-previous
  "C-g" #'pilotfish-dismiss)

(define-minor-mode pilotfish-ghost-mode
  "On while a suggestion is shown; it makes the keys of `pilotfish-ghost-map' work."
  :interactive nil
  :keymap pilotfish-ghost-map)

(defvar-local pilotfish-ghost--items nil "Suggestions that agree with the buffer, the shown one first.")
(defvar-local pilotfish-ghost--start nil "Where they begin.")
(defvar-local pilotfish-ghost--size nil "Characters of the buffer without what was typed of them.")
(defvar-local pilotfish-ghost--overlay nil "What draws the first of them.")

(defun pilotfish-ghost-show (items)
  "Show the first of ITEMS, suggestions for where point is, or nothing."
  (setq pilotfish-ghost--items items
        pilotfish-ghost--start (point)
        pilotfish-ghost--size (buffer-size))
  (pilotfish-ghost-update))

(defun pilotfish-ghost-hide ()
  "Show nothing any more."
  (setq pilotfish-ghost--items nil)
  (pilotfish-ghost-update))

(defun pilotfish-ghost-update ()
  "Draw again what is left of the suggestions, after a change or a move."
  (when pilotfish-ghost--items
    (setq pilotfish-ghost--items (seq-filter #'pilotfish-ghost--agrees-p pilotfish-ghost--items)))
  (if pilotfish-ghost--items
      (pilotfish-ghost--draw (car pilotfish-ghost--items))
    (when pilotfish-ghost--overlay
      (delete-overlay pilotfish-ghost--overlay)
      (setq pilotfish-ghost--overlay nil)))
  (let ((shown (and pilotfish-ghost--items t)))
    (unless (eq shown pilotfish-ghost-mode)
      (pilotfish-ghost-mode (if shown 1 -1)))))

(defun pilotfish-ghost--agrees-p (item)
  "Whether the beginning of ITEM was typed, and nothing else, up to point."
  (let ((typed (- (point) pilotfish-ghost--start)))
    (and (<= 0 typed)
         (< typed (length (pilotfish-ghost-item-text item)))
         ;; A closing bracket that was added behind point, or a deletion, makes this false.
         (= typed (- (buffer-size) pilotfish-ghost--size))
         (string-prefix-p (buffer-substring-no-properties pilotfish-ghost--start (point))
                          (pilotfish-ghost-item-text item)))))

(defun pilotfish-ghost--rest (item)
  "What of ITEM was not typed yet."
  (substring (pilotfish-ghost-item-text item) (- (point) pilotfish-ghost--start)))

(defun pilotfish-ghost--draw (item)
  "Draw the rest of ITEM behind point."
  (let* ((replaced (pilotfish-ghost-item-replaced item))
         (rest (propertize (pilotfish-ghost--rest item) 'face 'pilotfish-ghost))
         (overlay (or pilotfish-ghost--overlay
                      (setq pilotfish-ghost--overlay (make-overlay (point) (point))))))
    (move-overlay overlay (point) (min (point-max) (+ (point) replaced)))
    (overlay-put overlay 'window (selected-window))
    (put-text-property 0 1 'cursor t rest)
    ;; What it replaces is drawn as if it was replaced already.
    (overlay-put overlay 'display (and (> replaced 0) rest))
    (overlay-put overlay 'after-string (and (= replaced 0) rest))))

(defun pilotfish-ghost--insert (item length)
  "Insert LENGTH more characters of ITEM; keep showing what is left."
  (let ((all (= length (length (pilotfish-ghost--rest item)))))
    (insert (substring (pilotfish-ghost--rest item) 0 length))
    (when all
      (delete-char (pilotfish-ghost-item-replaced item)))
    (pilotfish-ghost-update)
    (when all
      (funcall (pilotfish-ghost-item-accepted item)))))

(defun pilotfish-ghost--accept (length-of)
  "Insert as much of the suggestion as LENGTH-OF says, a function of its rest."
  (unless pilotfish-ghost--items
    (user-error "There is no suggestion here"))
  (let ((item (car pilotfish-ghost--items)))
    ;; One step of undo takes it back.
    (undo-boundary)
    (pilotfish-ghost--insert item (funcall length-of (pilotfish-ghost--rest item)))))

(defun pilotfish-ghost--word (rest)
  "How long the first word of REST is, with the blanks before it."
  (if (string-match "\\`[ \t\n]*\\(?:\\w+\\|[^[:word:] \t\n]+\\)" rest)
      (match-end 0)
    (length rest)))

(defun pilotfish-ghost--line (rest)
  "How long the first line of REST is; a line end that it begins with counts."
  (or (string-search "\n" rest 1) (length rest)))

(defun pilotfish-accept ()
  "Insert the suggestion."
  (interactive)
  (pilotfish-ghost--accept #'length))

(defun pilotfish-accept-word ()
  "Insert the suggestion's next word."
  (interactive)
  (pilotfish-ghost--accept #'pilotfish-ghost--word))

(defun pilotfish-accept-line ()
  "Insert the suggestion up to the end of its line."
  (interactive)
  (pilotfish-ghost--accept #'pilotfish-ghost--line))

(defun pilotfish-next ()
  "Show the next suggestion for this place."
  (interactive)
  (setq pilotfish-ghost--items (append (cdr pilotfish-ghost--items) (list (car pilotfish-ghost--items))))
  (pilotfish-ghost-update))

(defun pilotfish-previous ()
  "Show the suggestion for this place that was before."
  (interactive)
  (setq pilotfish-ghost--items (append (last pilotfish-ghost--items) (butlast pilotfish-ghost--items)))
  (pilotfish-ghost-update))

(defun pilotfish-dismiss ()
  "Remove the suggestion."
  (interactive)
  (pilotfish-ghost-hide))

(provide 'pilotfish-ghost)
;;; pilotfish-ghost.el ends here
