"""The engine's messages in other languages: a table a language, from the English template to its own. A sentence that
is not in it is said in English.
"""
