;;; emacs_ghost_tests.el --- Ghost text without a server  -*- lexical-binding: t -*-

;;; Code:

(require 'ert)
(require 'pilotfish-ghost)

(defmacro ghost-tests-in (before after texts &rest body)
  "With BEFORE and AFTER around point and TEXTS suggested there, run BODY."
  (declare (indent 3))
  `(save-window-excursion
     (with-temp-buffer
       (switch-to-buffer (current-buffer))
       (buffer-enable-undo)
       (insert ,before)
       (save-excursion (insert ,after))
       (pilotfish-ghost-show (mapcar (lambda (text) (make-pilotfish-ghost-item :text text)) ,texts))
       ,@body)))

(defun ghost-tests-type (text)
  "Insert TEXT as if typed."
  (insert text)
  (pilotfish-ghost-update))

(defun ghost-tests-shown ()
  "What is drawn."
  (and pilotfish-ghost--overlay
       (substring-no-properties (or (overlay-get pilotfish-ghost--overlay 'display)
                                    (overlay-get pilotfish-ghost--overlay 'after-string)))))

(ert-deftest ghost-typing-shortens-it ()
  "What agrees shortens it; all of it typed, nothing is left."
  (ghost-tests-in "x = " "" '("1")
    (should (equal (ghost-tests-shown) "1"))
    (should pilotfish-ghost-mode)
    (ghost-tests-type "1")
    (should-not (ghost-tests-shown))
    (should-not pilotfish-ghost-mode)))

(ert-deftest ghost-closers-that-are-added-remove-it ()
  "A closing bracket that Emacs adds behind point changes what the suggestion was made for."
  (ghost-tests-in "print" "" '("(x)")
    (insert "(")
    (save-excursion (insert ")"))
    (pilotfish-ghost-update)
    (should-not (ghost-tests-shown))))

(ert-deftest ghost-deleting-and-moving-remove-it ()
  "Both put point where the suggestion does not begin."
  (ghost-tests-in "foo" "bar" '("1")
    (delete-char -1)
    (pilotfish-ghost-update)
    (should-not (ghost-tests-shown)))
  (ghost-tests-in "foo" "bar" '("1")
    (forward-char)
    (pilotfish-ghost-update)
    (should-not (ghost-tests-shown))))

(ert-deftest ghost-replaces-closers ()
  "What it replaces is drawn as replaced, and goes when all is accepted, not before."
  (ghost-tests-in "f(" ")" nil
    (pilotfish-ghost-show (list (make-pilotfish-ghost-item :text "a b)" :replaced 1)))
    (should (equal (ghost-tests-shown) "a b)"))
    (pilotfish-accept-word)
    (should (equal (buffer-string) "f(a)"))
    (pilotfish-accept)
    (should (equal (buffer-string) "f(a b)"))))

(ert-deftest ghost-words-and-lines ()
  "A word has the blanks before it; a line the line end before it."
  (ghost-tests-in "" "" '(" 日本 = 1\n\n  b")
    (pilotfish-accept-word)
    (should (equal (buffer-string) " 日本"))
    (pilotfish-accept-line)
    (should (equal (buffer-string) " 日本 = 1"))
    (pilotfish-accept-line)
    (should (equal (buffer-string) " 日本 = 1\n"))
    (pilotfish-accept-line)
    (should (equal (buffer-string) " 日本 = 1\n\n  b"))
    (should-not pilotfish-ghost-mode)))

(ert-deftest ghost-cycling ()
  "Next and previous go round; what was typed leaves only those that agree."
  (ghost-tests-in "" "" '("ab" "ac" "b")
    (pilotfish-next)
    (should (equal (ghost-tests-shown) "ac"))
    (pilotfish-previous)
    (pilotfish-previous)
    (should (equal (ghost-tests-shown) "b"))
    (pilotfish-next)
    (ghost-tests-type "a")
    (should (equal (ghost-tests-shown) "b"))
    (pilotfish-next)
    (should (equal (ghost-tests-shown) "c"))))

(ert-deftest ghost-accepting-all-is-told ()
  "Once, and not for parts."
  (let ((told 0))
    (ghost-tests-in "" "" nil
      (pilotfish-ghost-show (list (make-pilotfish-ghost-item :text "a b" :accepted (lambda () (setq told (1+ told))))))
      (pilotfish-accept-word)
      (should (= told 0))
      (pilotfish-accept-word)
      (should (= told 1))
      (should (equal (buffer-string) "a b")))))

;;; emacs_ghost_tests.el ends here
