"""From long videos to clips: cut, merged by speaker, and kept where one face is seen.

Section 2.1 of the MER 2023 paper. Importing it loads no decoder, no model and no extra.
"""
