{# Rows where a condition is known to be false. #}
{% test holds(model, condition) %}

    select * from {{ model }} where not ({{ condition }})

{% endtest %}
