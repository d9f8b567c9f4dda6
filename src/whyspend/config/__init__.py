"""whyspend.toml -> one strict frozen Config: the only reader of files and environment for settings."""

from whyspend.config.channels import ChannelConfig
from whyspend.config.loading import FILE, find, load
from whyspend.config.model import Config, Settings, schema
from whyspend.config.sources import SourceConfig, options_of
from whyspend.config.spikes import Spikes
from whyspend.config.template import template, write_template

__all__ = [
    "FILE",
    "ChannelConfig",
    "Config",
    "Settings",
    "SourceConfig",
    "Spikes",
    "find",
    "load",
    "options_of",
    "schema",
    "template",
    "write_template",
]
