"""What can be wrong with a block of JSON, TOML, YAML or configuration."""

import configparser
import importlib.util
import json
import tomllib

import yaml

OF_PROVIDERS = {"openlineage"}
"""Sections of Airflow's configuration that other providers bring."""


def json_problems(text):
    """It must be a value, or one on each line."""
    try:
        json.loads(text)
    except ValueError:
        try:
            for line in text.splitlines():
                json.loads(line)
        except ValueError as error:
            yield f"does not parse: {error}"


def toml_problems(text):
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        yield f"does not parse: {error}"


def yaml_problems(text):
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"does not parse: {error}"


def ini_problems(text):
    """It must be a part of Airflow's configuration, with options that Airflow or this package has."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        yield f"does not parse: {error}"
        return
    for section in parser.sections():
        for option in parser[section]:
            yield from unknown_option(section, option)


def unknown_option(section, option):
    """Says so if neither Airflow nor a provider has the option; nothing of a provider that is not installed."""
    if section in OF_PROVIDERS and importlib.util.find_spec(f"airflow.providers.{section}") is None:
        return
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    from airflow_provider_groq.provider_info import get_provider_info

    ProvidersManager().initialize_providers_configuration()
    described = {**conf.configuration_description, **get_provider_info()["config"]}
    if option not in described.get(section, {}).get("options", {}):
        yield f"[{section}] {option} is no option of Airflow or of this package"
