"""The one place that holds RunWisp's version; setup.cfg reads it from here."""

VERSION = "0.5.0"
