# EC2 instances that ECS adds and takes away as tasks need them.

data "aws_ssm_parameter" "image" {
  count = var.ec2 == null ? 0 : 1

  name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
}

resource "aws_iam_role" "instance" {
  count = var.ec2 == null ? 0 : 1

  name = "${var.name}-instance"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "instance" {
  count = var.ec2 == null ? 0 : 1

  role       = aws_iam_role.instance[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
}

resource "aws_iam_instance_profile" "instance" {
  count = var.ec2 == null ? 0 : 1

  name = "${var.name}-instance"
  role = aws_iam_role.instance[0].name
}

resource "aws_launch_template" "instance" {
  count = var.ec2 == null ? 0 : 1

  name                   = "${var.name}-instance"
  image_id               = data.aws_ssm_parameter.image[0].insecure_value
  instance_type          = var.ec2.instance_type
  update_default_version = true
  vpc_security_group_ids = var.ec2.security_groups
  # Tasks of awsvpc mode can't ask for the instance's own role.
  user_data = base64encode(<<-SCRIPT
    #!/bin/sh
    cat >> /etc/ecs/ecs.config <<CONFIG
    ECS_CLUSTER=${var.name}
    ECS_AWSVPC_BLOCK_IMDS=true
    ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
    CONFIG
  SCRIPT
  )

  iam_instance_profile {
    arn = aws_iam_instance_profile.instance[0].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      encrypted   = true
      volume_type = "gp3"
      volume_size = 30
    }
  }
}

resource "aws_autoscaling_group" "instance" {
  count = var.ec2 == null ? 0 : 1

  name                  = "${var.name}-instance"
  min_size              = var.ec2.min
  max_size              = var.ec2.max
  vpc_zone_identifier   = var.ec2.subnets
  protect_from_scale_in = true

  launch_template {
    id      = aws_launch_template.instance[0].id
    version = "$Latest"
  }

  tag {
    key                 = "Name"
    value               = "${var.name}-instance"
    propagate_at_launch = true
  }

  # ECS marks the groups that it scales.
  tag {
    key                 = "AmazonECSManaged"
    value               = "true"
    propagate_at_launch = true
  }

  # How many there are is the capacity provider's business.
  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

resource "aws_ecs_capacity_provider" "ec2" {
  count = var.ec2 == null ? 0 : 1

  name = "${var.name}-ec2"

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.instance[0].arn
    managed_termination_protection = "ENABLED"
    managed_draining               = "ENABLED"

    managed_scaling {
      status          = "ENABLED"
      target_capacity = 90
    }
  }
}
