"""Between messages and the domain, one module a noun.

What comes in is checked only as far as its shape goes beyond what the domain's types can
hold; a fault raises InvalidFieldsError with the path of the field in the request.
"""
