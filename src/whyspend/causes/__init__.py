"""Why a spend changed: two windows, added up, taken apart into named causes. Pure: numbers in, numbers out."""
