"""Where a spend is heading: series of days or hours in; what was expected, what stands out, where it will end out."""
