"""The conformance kit: what every plugin of a kind must keep, as cases that any test runner can call.

@pytest.mark.parametrize("case", environment_cases(MyEnvironment), ids=str)
def test_the_environment_keeps_the_contract(case): case()
"""

from selfchal.testing.conformance.case import Case, CaseLevel
from selfchal.testing.conformance.checks import check_cases
from selfchal.testing.conformance.engines import engine_cases
from selfchal.testing.conformance.environments import environment_cases
from selfchal.testing.conformance.models import model_cases
from selfchal.testing.conformance.sandboxes import sandbox_cases
from selfchal.testing.conformance.synthesizers import synthesizer_cases
from selfchal.testing.conformance.trainers import trainer_cases
from selfchal.testing.conformance.watchers import watcher_cases

__all__ = [
    "Case",
    "CaseLevel",
    "check_cases",
    "engine_cases",
    "environment_cases",
    "model_cases",
    "sandbox_cases",
    "synthesizer_cases",
    "trainer_cases",
    "watcher_cases",
]
