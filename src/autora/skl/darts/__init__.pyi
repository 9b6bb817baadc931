from .estimators.classifier import DARTSClassifier as DARTSClassifier
from .estimators.diagnostics import (
    DataWarning as DataWarning,
    DomainWarning as DomainWarning,
)
from .estimators.groups import UnknownGroupWarning as UnknownGroupWarning
from .estimators.registration import register_primitive as register_primitive
from .estimators.regressor import DARTSRegressor as DARTSRegressor
from .graph.elementary import Inverse as Inverse
from .graph.primitives import (
    PRIMITIVES as PRIMITIVES,
    SCIENCE as SCIENCE,
    Primitive as Primitive,
    known_primitives as known_primitives,
)
from .graph.specification import DARTSType as DARTSType
from .pages.explorer import write_explorer as write_explorer
from .pages.report import write_report as write_report
from .persistence.fields import ModelFileError as ModelFileError
from .plotting.animation import SearchAnimation as SearchAnimation
from .plotting.coefficient_display import CoefficientDisplay as CoefficientDisplay
from .plotting.equations_display import EquationsDisplay as EquationsDisplay
from .plotting.evidence_display import EvidenceDisplay as EvidenceDisplay
from .plotting.fit_display import FitDisplay as FitDisplay
from .plotting.group_display import GroupDisplay as GroupDisplay
from .plotting.monitor import DARTSExecutionMonitor as DARTSExecutionMonitor
from .plotting.residual_display import ResidualDisplay as ResidualDisplay
from .plotting.search_displays import (
    ArchitectureDisplay as ArchitectureDisplay,
    HistoryDisplay as HistoryDisplay,
)
