from microgrid.core.rules import Rule
def summary(rule: Rule) -> str:
    return f"{rule.name}."
