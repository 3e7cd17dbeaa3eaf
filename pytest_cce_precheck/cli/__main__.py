r"""Run \`\`cce-precheck\`\` as \`\`python -m pytest_cce_precheck.cli\`\`."""

import sys

from pytest_cce_precheck.cli.main import main

sys.exit(main())
