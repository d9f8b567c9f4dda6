"""whyspend: why did the LLM bill grow?

For applications: `from whyspend import feature` tags model calls; `carry` takes the tags into a thread.
"""

TYPE_CHECKING = False  # typing.TYPE_CHECKING without the cost of importing typing
if TYPE_CHECKING:
    from whyspend.tagging import carry as carry
    from whyspend.tagging import current_tags as current_tags
    from whyspend.tagging import feature as feature

__version__ = "0.1.0"
__all__ = ["__version__", "carry", "current_tags", "feature"]


def __getattr__(name: str) -> object:
    # `import whyspend` must cost an application nothing, and `whyspend --help` must not pay for tagging.
    if name in ("carry", "current_tags", "feature"):
        from whyspend import tagging

        return getattr(tagging, name)
    raise AttributeError(f"module 'whyspend' has no attribute {name!r}")
