"""The configuration from its three YAML files, validated."""

from trader.adapters.config.files import LoadedSettings, load_settings

__all__ = ["LoadedSettings", "load_settings"]
