from edge.assessment import Assessment as Assessment
from edge.assessment import Timings as Timings
from edge.assessment import Verdict as Verdict
from edge.bundle.manifest import Manifest as Manifest
from edge.bundle.manifest import Thresholds as Thresholds
from edge.camera.open import open_camera as open_camera
from edge.camera.protocol import Camera as Camera
from edge.camera.protocol import Frame as Frame
from edge.errors import EdgeError as EdgeError
from edge.errors import EngineError as EngineError
from edge.errors import InputError as InputError
from edge.errors import MisfitError as MisfitError
from edge.field.find import Crop as Crop
from edge.findings.cause import Cause as Cause
from edge.findings.field_definition import FieldDefinition as FieldDefinition
from edge.findings.landmarks import Landmark as Landmark
from edge.grading import GradedFile as GradedFile
from edge.grading import grade_files as grade_files
from edge.images import read_image as read_image
from edge.model import QualityModel as QualityModel
from edge.overlay import draw_overlay as draw_overlay

__version__: str
