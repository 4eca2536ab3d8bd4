// The formulas of two operands, in the order of Binary: GLASS_FORMULA(name, its number).
GLASS_FORMULA(add, 0)
GLASS_FORMULA(sub, 1)
GLASS_FORMULA(mul, 2)
GLASS_FORMULA(div, 3)
GLASS_FORMULA(max, 4)
GLASS_FORMULA(min, 5)
GLASS_FORMULA(greater, 6)
GLASS_FORMULA(equal, 7)
