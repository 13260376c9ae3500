"""Training (训练): from an agency's table of texts and labels to a signed model file and a report.

    file -> rows (reading) -> redacted, without leaks and duplicates (cleaning) -> split -> features and estimator
    chosen by cross-validation (choice) -> fitted, rounded, calibrated (fit, calibration) -> report -> model file

Needs the extra `training` (scikit-learn, openpyxl), which no running service imports. Everything is a function of the
rows and a fixed seed: the same file gives the same bytes. Rows that cannot be used are reported by line, never fatal;
what cannot be trained at all (one label, no rows) is refused with a sentence.
"""
