"""Starting, watching and stopping the embedded platform. Imports no airflow: it speaks to
its processes by signals and to Airflow by REST.
"""
