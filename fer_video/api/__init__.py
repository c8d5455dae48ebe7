"""In: what a notebook or script has, paths, arrays and keywords. Out: results, data frames and files.

These are the functions of `import fervid`, and what the methods of a result do.
"""
