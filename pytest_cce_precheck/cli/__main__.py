r"""Run \`\`cce-precheck\`\` as \`\`python -m pytest_cce_precheck.cli\`\`."""

from pytest_cce_precheck.cli.main import run

run()
