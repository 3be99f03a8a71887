"""An auth manager that bars one user from one Dag, which Airflow's simple one cannot."""

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

SECRET_DAG = "secret"
BARRED = "barred"


class OneDagBarred(SimpleAuthManager):
    asked = None
    """What it was asked about Dags, if somebody wants to know."""

    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        if self.asked is not None:
            self.asked.append((method, details and details.id))
        if user.username == BARRED and details and details.id == SECRET_DAG:
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
