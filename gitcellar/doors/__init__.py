"""How people come in. A door turns what was asked into a request, and what came back into words. No rules here."""
